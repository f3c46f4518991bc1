/* Who is not signed in sees the sign-in screen at whatever address was asked for, and lands there afterwards. */
import { useEffect } from 'react';
import { Outlet } from 'react-router';
import { useSession } from '../api/calls';
import { live } from '../api/live';
import { hasChosenLanguage, setLanguage } from '../i18n';
import { SignIn } from '../screens/SignIn';
import { PasswordDue } from '../screens/people/Doors';
import { Loading, Unreachable } from './Broken';

export function Gate() {
	const session = useSession();
	const lang = session.data?.lang;
	useEffect(() => {
		if ((lang === 'zh' || lang === 'en') && !hasChosenLanguage()) setLanguage(lang);
	}, [lang]);
	const isOut = session.data?.signed_in === false;
	useEffect(() => {
		if (isOut) live.close();
	}, [isOut]);
	if (session.isPending) return <Loading />;
	if (session.error) return <Unreachable error={session.error} again={() => void session.refetch()} />;
	if (!session.data.signed_in) return <SignIn needsSetup={session.data.needs_setup ?? false} />;
	if (session.data.password_due) return <PasswordDue />;
	return <Outlet />;
}
